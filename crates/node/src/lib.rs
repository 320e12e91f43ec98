//! One member's process: vault, catalog, gatekeeper, runs, peers and the API server.
