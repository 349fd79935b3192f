"""Vowpal Wabbit's explorers (vowpalwabbit.org): online, one example after the other.

A contact is taught on the next day with the response that has arrived by then, else as none; a
response that arrives later is taught as one more example of the same contact. As few contacts
respond, the mean that is learned hardly differs from that of the final labels.

Actions are numbered: each has a weight of its own per segment and a constant, which is its mean
over segments. The form with features of actions (_adf) learned no better and took thrice as long.
"""

import numpy as np
from vowpalwabbit import Workspace

from optiengine.lab.bench.bandits.world import Contacts, Integers


class Explorer:
    """`options` name the way of exploring, for example "--squarecb --cb_type mtr"."""

    def __init__(self, n_segments: int, n_actions: int, *, seed: int, options: str) -> None:
        self.workspace = Workspace(
            f"--cb_explore {n_actions} {options} --random_seed {seed} --quiet"
        )
        self.rng = np.random.default_rng(seed)
        self.assigned = np.zeros(0)  # P(the chosen action was chosen), of all contacts so far
        self.n_taught = 0

    def learn(self, contacts: Contacts) -> None:
        late = (contacts.arrived_on == contacts.today) & (contacts.age > 1)
        order = np.append(np.flatnonzero(late), np.arange(self.n_taught, len(contacts)))
        self.rng.shuffle(order)
        cost = -contacts.responded.astype(int)
        for i in order:
            label = f"{contacts.action[i] + 1}:{cost[i]}:{self.assigned[i]:.6g}"
            self.workspace.learn(f"{label} |s s{contacts.segment[i]}")
        self.n_taught = len(contacts)

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        """One prediction per segment, as customers differ in nothing else, and a draw for each."""
        action = np.zeros(len(segment), dtype=np.int64)
        assigned = np.zeros(len(segment))
        for s in np.unique(segment):
            members = segment == s
            probabilities = np.array(self.workspace.predict(f"|s s{s}"))
            probabilities /= probabilities.sum()
            action[members] = self.rng.choice(len(probabilities), members.sum(), p=probabilities)
            assigned[members] = probabilities[action[members]]
        self.assigned = np.append(self.assigned, assigned)
        return action
