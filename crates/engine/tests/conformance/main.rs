//! One suite, every scheme, every operator, compared with native integers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod comparisons;
mod division;
mod fixed;
mod harness;
mod joins;
mod numbers;
mod outside;
mod ranks;
mod tables;

/// Runs generic test functions on each scheme and ring.
macro_rules! on_all_schemes {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[test]
            fn plain_64() {
                super::$test::<treaty_engine::schemes::Plain<u64>>();
            }
            #[test]
            fn plain_128() {
                super::$test::<treaty_engine::schemes::Plain<u128>>();
            }
            #[test]
            fn rep3_64() {
                super::$test::<treaty_engine::schemes::Rep3<u64>>();
            }
            #[test]
            fn shamir_3_1() {
                crate::harness::among(3, 1, super::$test::<treaty_engine::schemes::Shamir>);
            }
            #[test]
            fn shamir_4_1() {
                crate::harness::among(4, 1, super::$test::<treaty_engine::schemes::Shamir>);
            }
            #[test]
            fn shamir_5_2() {
                crate::harness::among(5, 2, super::$test::<treaty_engine::schemes::Shamir>);
            }
            #[test]
            fn shamir_malicious_3_1() {
                crate::harness::among(3, 1, super::$test::<treaty_engine::schemes::ShamirMalicious>);
            }
            #[test]
            fn shamir_malicious_4_1() {
                crate::harness::among(4, 1, super::$test::<treaty_engine::schemes::ShamirMalicious>);
            }
            #[test]
            fn shamir_malicious_5_2() {
                crate::harness::among(5, 2, super::$test::<treaty_engine::schemes::ShamirMalicious>);
            }
            #[test]
            fn shamir_resilient_3_1() {
                crate::harness::among(3, 1, super::$test::<treaty_engine::schemes::ShamirResilient>);
            }
            #[test]
            fn shamir_resilient_4_1() {
                crate::harness::among(4, 1, super::$test::<treaty_engine::schemes::ShamirResilient>);
            }
            #[test]
            fn shamir_resilient_5_2() {
                crate::harness::among(5, 2, super::$test::<treaty_engine::schemes::ShamirResilient>);
            }
            #[test]
            fn rep3_malicious_64() {
                super::$test::<treaty_engine::schemes::Rep3Malicious<u64>>();
            }
            #[test]
            fn rep3_128() {
                super::$test::<treaty_engine::schemes::Rep3<u128>>();
            }
            #[test]
            fn rep3_malicious_128() {
                super::$test::<treaty_engine::schemes::Rep3Malicious<u128>>();
            }
        }
    )* };
}

/// Runs generic test functions on each scheme, for operators that need 128 bits.
macro_rules! on_wide_schemes {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[test]
            fn plain_128() {
                super::$test::<treaty_engine::schemes::Plain<u128>>();
            }
            #[test]
            fn rep3_128() {
                super::$test::<treaty_engine::schemes::Rep3<u128>>();
            }
            #[test]
            fn rep3_malicious_128() {
                super::$test::<treaty_engine::schemes::Rep3Malicious<u128>>();
            }
        }
    )* };
}

pub(crate) use {on_all_schemes, on_wide_schemes};
