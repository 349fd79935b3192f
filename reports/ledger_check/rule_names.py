"""What is checked. A name is shown in the reader's language, and served as it stands here."""

from django.utils.translation import gettext_noop

CAP = gettext_noop("frequency cap “%s”")
GAP = gettext_noop("minimum gap “%s”")
EXCLUSION = gettext_noop("exclusion “%s”")
COOL_DOWN = gettext_noop("cool-down of “%s”")
QUIET_HOURS = gettext_noop("quiet hours “%s”")
TRANSACTIONAL = gettext_noop("bypasses most limits: transactional")
EXEMPT = gettext_noop("bypasses frequency caps: exempt")
NOT_COUNTED = gettext_noop("not counted by frequency caps")
ALONGSIDE = gettext_noop("sent alongside the day's campaign")
IGNORES_COOL_DOWN = gettext_noop("bypasses other campaigns' cool-down")
CONTROL = gettext_noop("control gets no message")
ONE_DELIVERY = gettext_noop("one delivery for each message")
DECIDED = gettext_noop("each delivery was decided")
SAME_KEY = gettext_noop("each delivery has the key of its message")
SAYS_WHY = {
    "failed": gettext_noop("a failed message says why"),
    "unknown": gettext_noop("an unclear message says why"),
    "suppressed": gettext_noop("a message that was stopped says why"),
}
RELEASED = gettext_noop("what will not leave no longer counts")
WAITING = gettext_noop("what is due leaves or says why it waits")
FAILED_RUN = gettext_noop("a failed run says why")
ONE_DECISION = gettext_noop("one decision for each customer and run")
ELIGIBLE = gettext_noop("eligible = decided + excluded")
BALANCE = gettext_noop("decided = sent + failed + unknown + waiting + stopped")
GLOBAL_CONTROL = gettext_noop("the global control group gets only transactional messages")
CONSENT = gettext_noop("consent")
ERASED = gettext_noop("erased customers get nothing")
SUPPRESSED = gettext_noop("suppressed addresses get nothing")
TOPICS = gettext_noop("no message about a declined topic")
SEND_TIME = gettext_noop("send time per person: within a day")
NOT_EARLY = gettext_noop("not before the planned time")
NOT_LATE = gettext_noop("not after the message expired")
LOCK_TIME = gettext_noop("not before the lock time")
REPETITION = gettext_noop("repetition: not before its days are over")
LINKS = gettext_noop("participants follow the links of their journey")
ENDS = gettext_noop("a journey ends where its drawing says")
STANDS = gettext_noop("participants are where their last step led")
SEND_STEP = gettext_noop("a send step's message is the participant's")
STEP_MESSAGE = gettext_noop("a journey's message belongs to a step")

NOT_CHECKED = (
    gettext_noop("whether a message that counts as sent arrived, and arrived once"),
    gettext_noop("pauses of campaigns and journeys, and whether sending was stopped"),
    gettext_noop("dates and target groups of campaigns, and the follow-ups of a series"),
    gettext_noop("control shares and assignment probabilities"),
    gettext_noop("budgets, volume limits and messages per minute of a channel"),
    gettext_noop("when the waits of journeys end, and whether everybody entered"),
    gettext_noop("whether the same real-time request gets the same answer"),
    gettext_noop("messages that waited for more than a month longer than any limit looks back"),
    gettext_noop("cases that count as unclear: what they depend on was changed later"),
)
