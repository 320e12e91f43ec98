//! What the processor can do. A value here is proof that it was asked.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "there is nothing to ask"))]

/// 512-bit vectors, carry-less products and products with 8×8 bit matrices in them: Ice Lake, Zen 4, and later.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn detected() -> Option<Self> {
        let all = std::is_x86_feature_detected!("pclmulqdq")
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("vpclmulqdq")
            && std::is_x86_feature_detected!("gfni");
        all.then_some(Self(()))
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detected() -> Option<Self> {
        None
    }
}

/// Carry-less products of two words.
#[derive(Clone, Copy)]
pub(crate) struct Pclmul(());

impl Pclmul {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn detected() -> Option<Self> {
        std::is_x86_feature_detected!("pclmulqdq").then_some(Self(()))
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detected() -> Option<Self> {
        None
    }
}

/// The instructions with which the streams of [`Prg`](crate::Prg) encrypt on this processor, as their cipher chooses them.
#[must_use]
pub fn cipher_instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("aes") {
        return match (std::is_x86_feature_detected!("vaes"), std::is_x86_feature_detected!("avx512f")) {
            (true, true) => "VAES, 512 bits",
            (true, false) => "VAES, 256 bits",
            _ => "AES-NI",
        };
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("aes") {
        return "ARMv8 AES";
    }
    "none, in software"
}
