"""What comes next, in a sentence for a caseworker."""

from domain.stages import State

AFTER: dict[State, str] = {
    State.INTAKE: "The need is registered, then the registry is asked for eligibility.",
    State.ELIGIBILITY: "The registry decides whether the trainee is eligible.",
    State.PLANNING: "The plan is drawn; a subsidized one waits for a caseworker's approval.",
    State.AGREED: "The first provider of the plan is asked for a seat.",
    State.ENROLLING: "The provider confirms, puts on a waitlist or rejects.",
    State.WAITLISTED: "The provider confirms a seat, or the next one is asked.",
    State.ENROLLED: "Training begins.",
    State.IN_PROGRESS: "The provider reports attendance, then the end of the training.",
    State.COMPLETED: "A sitting is booked at an exam center.",
    State.UNDER_ATTENDED: "Training is repeated, another provider asked, or a person decides.",
    State.PROVIDER_FAILED: "The next provider of the plan is asked, or a person decides.",
    State.RECOGNIZED: "Earlier learning covers every module; a sitting is booked.",
    State.REGISTERING: "The exam center schedules the sitting.",
    State.SCHEDULED: "The trainee sits the assessment.",
    State.AWAITING_RESULTS: "The exam center reports a mark for each component.",
    State.PASSED: "The certificate is asked for.",
    State.CERTIFICATE_PENDING: "The issuer issues the certificate.",
    State.CERTIFIED: "Placement opens, or the journey ends where its pathway ends here.",
    State.RESIT: "The failed components are booked once more.",
    State.RETRAIN: "Training is taken once more, then the failed components.",
    State.PROFILING: "The search for a job begins.",
    State.MATCHING: "A vacancy is looked for and the trainee is referred to it.",
    State.REFERRED: "The employer or job service accepts or declines the referral.",
    State.OFFERED: "The employer reports the start of work.",
    State.STARTED: "The follow-ups after the start of work begin.",
    State.FOLLOW_UP: "The employer confirms at each follow-up that the trainee still works there.",
    State.AWAITING_PROMOTION: "The employer confirms the promotion or pay step.",
    State.PROMOTED: "The journey closes.",
    State.AWAITING_CONVERSION: "The employer confirms the conversion to employment.",
    State.CONVERTED: "The journey closes.",
    State.CLOSED: "Nothing; the journey is closed.",
}


def next_step(state: State) -> str:
    """What comes after a state."""
    return AFTER[state]
