//! Runs a Program on a scheme; plaintext reference; cost estimate.
