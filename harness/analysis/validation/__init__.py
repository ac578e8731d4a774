"""Results made elsewhere, held against bare arms: what they claim, what the runtime adds, what cannot be said."""
