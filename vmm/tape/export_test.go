package tape

// Raw writes any payload with a correct CRC.
func (t *Writer) Raw(k Kind, p []byte) { t.frame(k, p) }
