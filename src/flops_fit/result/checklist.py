"""The 22 questions that a paper with a scaling law should answer, answered from the law itself.

Source: Li, Kudugunta and Zettlemoyer 2025, arXiv:2502.18969; the questions are in our own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flops_fit.fit import ScalingLaw
from flops_fit.result.checklist_fit import answers_about_fit, answers_about_form
from flops_fit.result.checklist_runs import answers_about_collection, answers_about_training

QUESTIONS = (
    "What form does the law have?",
    "Which variables does it relate?",
    "Which parameters were fitted?",
    "From what principle does the form follow?",
    "What does it assume about how the variables depend on each other?",
    "How many models were trained?",
    "Of which sizes?",
    "On how much data each, of what kind, and was any of it repeated?",
    "How were N, D and C counted, and can the code be seen?",
    "How were hyperparameters chosen, and do they change with scale?",
    "Which other settings are there, and do they change with scale?",
    "Is the training code open?",
    "Are checkpoints released?",
    "How many points does a run give, and are they final or intermediate?",
    "Which metric was measured, on which data?",
    "Were points adjusted or smoothed?",
    "Which objective was minimised?",
    "By which algorithm?",
    "With which settings and tolerances?",
    "From which starting values?",
    "Were all points used?",
    "How was the law validated?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistItem:
    """One question and its answer."""

    number: int
    question: str
    answer: str
    known: bool
    """Whether the law knows; if not, the answer says what to state beside it."""

    def __str__(self) -> str:
        mark = "x" if self.known else " "
        return f"{self.number}. [{mark}] {self.question}\n   {self.answer}"


def checklist_of(law: ScalingLaw) -> tuple[ChecklistItem, ...]:
    """Answer every question, or say that the law does not know."""
    answers = (
        *answers_about_form(law),
        *answers_about_training(law),
        *answers_about_collection(law),
        *answers_about_fit(law),
    )
    return tuple(
        ChecklistItem(number=i, question=question, answer=answer.text, known=answer.known)
        for i, (question, answer) in enumerate(zip(QUESTIONS, answers, strict=True), 1)
    )


def checklist_text(items: Sequence[ChecklistItem]) -> str:
    """Lay the checklist out as Markdown."""
    n_known = sum(item.known for item in items)
    head = f"Checklist of Li et al. 2025 (arXiv:2502.18969): {n_known} of {len(items)} answered by this law."
    return "\n".join([head, "", *map(str, items)])
