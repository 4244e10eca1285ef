"""Suite items of this half of the generator, by task: CASES[task](rng, part) -> item.

An item also holds "reference", the generator's own answer, which must pass
its check; it is not part of the suite's format and is dropped when written.
`recall` takes count_tokens=, a function from text to its number of tokens.
"""

from . import chats, instructions, recall, refusals, stories, sums

CASES = {"arithmetic": sums.case, "arithmetic_think": sums.case_think, "memory": chats.case, "recall": recall.case,
         "stories": stories.case, "instructions": instructions.case, "refusals": refusals.case}
