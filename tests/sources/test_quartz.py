"""QuaRTz: the sentence that a question is about, and choices in the source."""

import json

from maskpolicy.sources.base import Example
from maskpolicy.sources.quartz import Seq2SeqExamples


def test_the_text_of_the_choice_is_the_target(tmp_path):
    line = {
        "id": "QRQA-10372-1-flip",
        "para_id": "QRSent-10372",
        "para": "The closer, the quicker.",
        "question": {
            "stem": "If farther apart, the rate will",
            "choices": [{"label": "A", "text": "decrease"}, {"label": "B", "text": "increase"}],
        },
        "answerKey": "A",
        "para_anno": {},
    }
    (tmp_path / "test.jsonl").write_text(json.dumps(line) + "\n")
    source = Seq2SeqExamples(source="quartz", train=str(tmp_path / "test.jsonl"))
    assert source.splits()["train"] == [
        Example(
            id="QRQA-10372-1-flip",
            context="The closer, the quicker.",
            source="If farther apart, the rate will\n"
            "(A) decrease (B) increase\n"
            "The closer, the quicker.",
            target="decrease",
            answers=("decrease",),
            group="QRSent-10372",
            choices=("decrease", "increase"),
        )
    ]
