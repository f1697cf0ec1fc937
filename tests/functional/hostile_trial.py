"""The workspace of the hostile-trials test: what `CASE` says is done. Copied there; never imported."""

import os
import socket
import sys
import time

CASE = "fine"  # fine | hang | daemon | nan | infinite | silent | hungry | judge | ledger | repository | network | flood

run, port = sys.argv[sys.argv.index("--run") + 1], int(sys.argv[sys.argv.index("--port") + 1])
seed = int(sys.argv[sys.argv.index("--seed") + 1])
loss = f"{2 if CASE == 'fine' else 3 + seed % 100 / 1000:.6f}"

if CASE == "hang":
    time.sleep(600)
if CASE == "daemon" and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
if CASE == "nan":
    loss = "nan"
if CASE == "infinite":
    loss = "-1e999"
if CASE == "silent":
    sys.exit(0)
if CASE == "hungry":
    held = bytearray()
    while len(held) < 2**30:
        held += bytes(range(256)) * 2**16
        time.sleep(0.01)
    time.sleep(600)
if CASE == "judge":
    with open("judge.txt", "w") as file:
        file.write("everything is excellent")
if CASE == "ledger":
    with open(os.path.join(run, "ledger.db"), "rb") as file:
        print("stolen", len(file.read()) > 0)
if CASE == "repository":
    print("stolen", "HEAD" in os.listdir(os.path.join(run, "workspace.git")))
if CASE == "network":
    socket.create_connection(("127.0.0.1", port), 5).sendall(b"everything that I know")
if CASE == "flood":
    for _ in range(50):
        os.write(1, b"flood " * (2**20 // 6) + b"\n")
print("---")
print("loss:", loss)
