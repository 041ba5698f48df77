"""Coverage as kept: what the guard must know about policies, schedules and people to look ahead."""
