package linuxtest
import ("testing";"fmt";"os";"vmrecord/vmm";"vmrecord/vmm/host")
func TestProf(t *testing.T){
 g:=boot(t); g.connect(host.Virtual)
 f,_:=os.Create("/tmp/x/prof.txt"); defer f.Close()
 for g.Retired()<1_300_000_000 {
  if e:=g.Run(g.Now()+vmm.Instant(99991)); e!=vmm.Reached {t.Fatal(e)}
  fmt.Fprintf(f,"%d %x %x %d\n",g.Now(),g.CPU.RIP,g.CPU.CR3,g.Retired())
 }
 f2,_:=os.Create("/tmp/x/prof.mem"); f2.Write(g.Mem.B); f2.Close()
}
