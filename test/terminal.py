"""Runs a command on a pseudo-terminal, follows steps, and prints what the terminal showed and the exit code.

terminal.py STEPS COMMAND...: STEPS is a JSON list of {"wait": text, "type": text, "write": [file, text]}. Each step waits until its
text was shown after the step before it, then types or writes.
"""
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execvp(command[0], command)
shown, seen, latest = "", 0, time.time() + 40
while True:
    if time.time() > latest:
        os.kill(pid, signal.SIGKILL)
        sys.exit("waited in vain for " + json.dumps(steps[:1]) + " in:\n" + shown)
    if not select.select([fd], [], [], 0.2)[0]:
        continue
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data.decode("utf-8", "replace")
    text = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", shown)
    while steps and steps[0]["wait"] in text[seen:]:
        step = steps.pop(0)
        seen = text.index(step["wait"], seen) + len(step["wait"])
        if "write" in step:
            with open(step["write"][0], "w") as file:
                file.write(step["write"][1])
        os.write(fd, step.get("type", "").encode())
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown + "\nexit " + str(os.waitstatus_to_exitcode(status)))
