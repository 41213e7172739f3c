//! Packing instances and tables of sizes: what is accepted makes a problem, or one whose faults
//! can be told.
//!
//! The first byte names the format (`v` for `.vbp`, `c` for CSV, `s` for a table of sizes, `b`
//! for a bin packing text); with any other the reader decides.

use nodeplan::io::pack::{PackSizes, read};
use nodeplan::model::problem::Problem;
use std::sync::LazyLock;

static SIZES: LazyLock<PackSizes> = LazyLock::new(|| {
    let table = "sku,family,vcpu,mem_mib,alloc_cpu_m,alloc_mem_mib,max_pods,usd_h,gpus\n\
                 Standard_A2,a,2,4096,1900,2972,30,0.052,0\n\
                 Standard_B8,b,8,65536,7820,60386,250,0.608,1\n";
    PackSizes::of_table("sizes.csv", table.as_bytes(), None).expect("the table above is sound")
});

/// Reads the bytes after the first as an instance or a table.
pub fn run(data: &[u8]) {
    let Some((&format, text)) = data.split_first() else { return };
    let name = match format {
        b'v' => "x.vbp",
        b'c' => "x.csv",
        b'b' => "x.txt",
        b's' => return table(text),
        _ => "x",
    };
    match read(name, text, &SIZES) {
        Err(faults) => super::refused(&faults),
        Ok(instances) => {
            for instance in instances {
                assert!(instance.pods() == 0 || instance.types() > 0, "pods of no type");
                sound(Problem::new(instance.parts));
            }
        }
    }
}

fn table(text: &[u8]) {
    for most in [None, Some(3)] {
        match PackSizes::of_table("sizes.csv", text, most) {
            Err(faults) => super::refused(&faults),
            Ok(sizes) => {
                assert!(!sizes.is_empty());
                let item = b"cpu_m,mem_mib,count\n100,100,2\n";
                let found = read("x.csv", item, &sizes).expect("the instance is sound");
                assert_eq!(found.len(), 1);
                for one in found {
                    sound(Problem::new(one.parts));
                }
            }
        }
    }
}

/// A problem, or faults with codes.
fn sound(made: Result<Problem, Vec<nodeplan::model::problem::ProblemError>>) {
    if let Err(faults) = made {
        assert!(!faults.is_empty());
        for fault in &faults {
            assert!(fault.code().starts_with("NP20"), "{fault}");
        }
    }
}
