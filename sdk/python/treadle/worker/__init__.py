"""The worker: leases tasks, runs handlers, reports back. Begin to read at worker.py.

worker.py      an application's pools, signals, the orderly end
station.py     one pool: what follows, wired together
exchanger.py   the conversation with the server, from two threads
attempts.py    what is held: leases that wait or run, reports to be delivered
runner.py      runs one attempt and says how it ended
threads.py     runs functions in threads
processes.py   runs functions in child processes (child.py is their side)
loop.py        runs coroutine functions in an event loop
lines.py       one line for each task that ended
"""
