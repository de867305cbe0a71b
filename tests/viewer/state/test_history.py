from viewer.state.history import History


def test_edits_are_undone_and_redone_in_order():
    history = History(0)
    for value in (1, 2, 3):
        history.record(value)
    assert history.undo() and history.undo() and history.present == 1
    assert history.redo() and history.present == 2
    history.record(9)
    assert not history.redo() and history.present == 9
    assert [history.undo(), history.undo(), history.undo(), history.undo()] == [True, True, True, False]
    assert history.present == 0


def test_a_drag_is_one_edit_and_the_next_drag_another():
    history = History(0)
    for value in (1, 2, 3):
        history.record(value, "drag")
    history.settle()
    for value in (4, 5):
        history.record(value, "drag")
    history.undo()
    assert history.present == 3
    history.undo()
    assert history.present == 0


def test_a_value_that_is_the_same_is_no_edit():
    history = History(0)
    history.record(0)
    assert not history.undo()
