//! Text to nouns with every fault located, and nouns to machine formats.
