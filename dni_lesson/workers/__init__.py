"""The modules of a `DecoupledModel` at work at the same time.

`partition` says which modules go to which worker, `Stage` compiles what a
worker does, `Worker` says when it does it, `Mailbox` carries messages over
links that take time, `ThreadTeam` runs the workers, and `fit_async` is the one
call that puts them together.
"""
