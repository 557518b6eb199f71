"""How scores of several labels an object print and are saved."""

from steradian.evaluation.label_evaluation import LabelEvaluation, LabelScores

ROW = LabelScores(("a", "b"), 9, 0, recall={1: 0.75}, micro_f1=0.5, macro_f1=0.25, lrap=0.6, hamming_loss=0.1)


def test_it_prints_in_80_columns_with_the_plain_baseline() -> None:
    plain = LabelScores(("a", "b"), 9, 0, micro_f1=0.4)
    noted = LabelScores(("a", "b"), 9, 0, 2, 3, {1: 0.75}, micro_f1=0.5, queries=4)
    lines = str(LabelEvaluation((noted, ROW), ("a", "b"), gallery=20, plain=plain)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "LabelEvaluation: 9 objects, in a gallery of 20"
    assert lines[2].split() == ["whole", "object", "9", "0.750", "0.500", *["-"] * 4]
    assert lines[3].split() == ["plain", "baseline", "9", "-", "0.400", *["-"] * 4]
    text = " ".join(lines)
    assert "Micro-F1 0.500 beside 0.400 of one-vs-rest logistic regression" in text
    assert "3 objects have a label that training did not" in text
    assert "2 objects have no label in common" in text
    assert "Searched for 4 drawn objects" in text


def test_its_rows_are_plain_values() -> None:
    found = LabelEvaluation((ROW,), ("a", "b"))
    assert found.verdict is None
    assert found.to_dict()["subsets"][0]["lrap"] == 0.6
    assert found.to_pandas()["recall_at_1"].tolist() == [0.75]


def test_one_object_is_counted_as_one_and_what_is_not_defined_is_not_compared() -> None:
    one = LabelScores(("a", "b"), 9, 0, 1, 1, hamming_loss=0.1)
    found = LabelEvaluation((one,), ("a", "b"), gallery=20, plain=ROW)
    assert found.verdict is None and LabelEvaluation((ROW,), ("a", "b"), plain=one).verdict is None
    assert "1 object has a label that training did not" in str(found) and "1 object has no label in" in str(found)
