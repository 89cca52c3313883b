"""The engine as a state machine, under every order of events and every crash that fits into a short run.

What runs is the engine itself, not a description of it. An *actor* is a server process: a thread with a database
connection of its own, which runs operations of the engine and stops before each *step*, which is a statement, a call of
the operating system by the local store, or a call of another store. One actor runs at a time. A *schedule* says which
one takes the next step, and which one is killed there; the same schedule always gives the same run.

Why this is more than a sample
    * Only *critical* steps matter: those that change what others can see, or wait for them. What an actor reads before
      one it may as well read just before it; and on SQLite nobody sees the inside of a transaction. So a program has
      some twenty places where orders differ, and these are few enough to try.
    * Every *crash*: what a crash leaves is the state between two steps, so each state that a program passes is one to
      recover from, by a second process that knows nothing else (:mod:`.test_crashes`).
    * Every *order* with few switches: an actor is interrupted, or found dead, at each of its critical steps; the one
      that interrupted it is interrupted in turn; what needs more than that is searched at random. The quick run tries
      some of each, a long one all of the first kinds (:mod:`.search`).

What is asked
    After each step of anybody the committed state is compared with the invariants (:mod:`.observer`). When all actors
    have ended or are dead, time passes, the sweeper comes, and a client that persists sends what is missing: every
    upload must come to its end, with nothing left behind (:mod:`.recovery`). States that were recovered from once are
    not recovered from again, which is sound because recovery depends on nothing but the state.

What is not
    A crash here kills a process. What a power failure does to files that were not flushed is a program of its own (a
    claims file that is lost); that the right files are flushed is tested with the stores. Transactions that overlap
    are tested on real servers of PostgreSQL and MariaDB.

Where things are
    :mod:`.programs` says who meets whom; :mod:`.requests` and :mod:`.mishaps` are what actors do. :mod:`.scheduler`
    runs them, :mod:`.schedules` chooses, :mod:`.steps` finds the steps, :mod:`.runs` puts it together.
    :mod:`.test_worsened_engine` takes guards away from the engine and requires that it is noticed.
"""
