//! Names of regions and sizes: any text has a catalog, or a fault that can be told.

use nodeplan::io::catalog::{catalog, nearest, regions, unusable_because};
use nodeplan::model::eligibility::Pattern;

/// Takes the text for a region, a size and a pattern of sizes.
pub fn run(data: &[u8]) {
    let text = &String::from_utf8_lossy(data);
    match catalog(text) {
        Ok(found) => {
            assert!(!found.skus.is_empty());
            assert!(found.skus.windows(2).all(|pair| pair[0].name < pair[1].name));
            assert!(regions().iter().any(|region| region.name == found.region), "{text:?}");
        }
        Err(error) => {
            assert!(!error.code().is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
    if text.starts_with("Standard_") {
        let _ = unusable_because("koreacentral", text);
    }
    let known = ["Standard_D4s_v3", "Standard_E8s_v4"];
    assert!(nearest(text, known, 1).len() <= 1);
    let pattern = Pattern::new(text);
    let hit = known.iter().any(|name| pattern.matches(name));
    assert!(!hit || !text.is_empty(), "an empty pattern matches");
}
