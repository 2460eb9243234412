//! Builds the program anew when a case of the compatibility suite was added, which the compiler does not notice by itself.

fn main() {
    println!("cargo::rerun-if-changed=compat/cases");
}
