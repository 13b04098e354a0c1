package interp

var sseRows, x87Rows []row
