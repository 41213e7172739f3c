//! Nouns to documents for people; computes no number.
