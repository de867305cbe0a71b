from tests.viewer.state.test_view_state import state
from viewer.session.mailbox import Mailbox


def test_commands_are_taken_in_their_order():
    mail, done = Mailbox(), []
    for i in range(3):
        mail.leave(lambda i=i: done.append(i))
    assert mail.waiting(views=False)
    while (command := mail.take_command()) is not None:
        command()
    assert done == [0, 1, 2] and not mail.waiting(views=True)


def test_the_newest_request_is_taken_once():
    mail, view = Mailbox(), state()
    for width in (10, 20):
        mail.request(view.current(width, 10))
    assert mail.waiting(views=True) and not mail.waiting(views=False)
    assert mail.take_request().width == 20 and mail.take_request() is None


def test_a_closed_mailbox_wakes_its_worker_and_hands_out_no_command():
    mail = Mailbox()
    mail.leave(lambda: None)
    mail.close()
    mail.wait(views=False, seconds=60.0)
    assert mail.waiting(views=False) and mail.take_command() is None
