//! The alliance's replicated state machine, its storage, ordering and proofs.
