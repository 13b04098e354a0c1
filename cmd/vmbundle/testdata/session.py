"""Finds the last write to the guest's stack before the middle of a recording.

Usage: session.py VMBUNDLE FILE
"""
import json
import subprocess
import sys


class Session:
    """A recording that vmbundle session has open."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = 0

    def __getattr__(self, method):
        def call(**params):
            self.count += 1
            request = {"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            for line in self.process.stdout:
                answer = json.loads(line)
                if answer.get("id") == self.count:  # else it is a notification
                    if "error" in answer:
                        raise RuntimeError(answer["error"]["message"])
                    return answer["result"]
            raise EOFError("vmbundle ended")

        return call


s = Session(sys.argv[1], "session", sys.argv[2])
s.seek(to="@middle")
stack = int(s.registers()["rsp"], 16)
stops = s.setStops(stops=[{"on": "write", "at": hex(stack - 8), "size": 64}])["stops"]
run = s.reverseContinue()
assert run["reason"] == "stop" and run["stop"] == 0, run
print("last written at", run["place"]["at"], "at", stops[0]["addr"])
before = s.hash()
s.clearStops()
s.stepBack(count=100)
assert s.hash() != before
s.step(count=100)
assert s.hash() == before
print("and 100 steps back and forth the state is the same")
s.close()
