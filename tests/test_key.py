from lottery.networks.key import Key


def test_a_key_is_said_in_words():
    assert str(Key(0, 1, "ticket")) == "level 1, replicate 0, ticket"
    assert str(Key(2, 0, "dense", order=1)) == "level 0, replicate 2, dense, order 1"


def test_the_key_of_a_record():
    record = {"step": 5, "order": 3, "arm": "reinit", "level": 2, "replicate": 1}
    assert Key.of(record) == Key(replicate=1, level=2, arm="reinit", order=3)
    del record["order"]
    assert Key.of(record).order == 0
