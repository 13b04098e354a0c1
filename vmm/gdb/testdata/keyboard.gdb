# Runs until the test sends SIGINT.
continue
echo stopped\n
