//! The node's interface: types, client and the golden OpenAPI document.
