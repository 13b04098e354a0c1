# From the failure back to the write that lost an update, the $writes-th, of the
# account $suspect that the ledger names; from there to the write that it undid.
set width 0
set language c
print n
print *k->book->accounts[$suspect].history@3
watch -l 'main.books'->accounts[$suspect].balance.v
while $writes
  set $writes = $writes - 1
  reverse-continue
end
backtrace 3
monitor hash
reverse-stepi 100
monitor hash
stepi 100
monitor hash
eval "monitor why main.books.accounts[%d].balance", $suspect
eval "monitor who main.books.accounts[%d].balance 30", $suspect
reverse-continue
backtrace 3
delete
break *'main.(*account).post'
reverse-continue
info args
print a->balance
delete
break tick_do_update_jiffies64 if $_any_caller_matches("^main\\.", 64)
continue
backtrace
monitor when
