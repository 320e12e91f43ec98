//! SQL lowered to Programs, and the audit of what a Program reveals.
