"""Planning as read: what a simulation starts from, and what a real incident left behind to be explained."""
