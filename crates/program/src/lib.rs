//! The typed computation that a contract names: types, verifier, text form, hash.
