package interp

var x87Rows []row
