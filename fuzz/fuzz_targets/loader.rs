//! Text of an inventory, read and resolved, and what is wrong with it printed.

#![no_main]

#[path = "../../src/inventory/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the commands use the rest")]
mod inventory;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let files = vec![inventory::InputFile { name: "fleet.yaml".to_owned(), text: text.to_owned() }];
    let inputs = inventory::Inputs::from(files);
    match inventory::load_inputs(&inputs, Some(std::path::Path::new("/home/me"))) {
        Ok(inventory) => {
            for host in &inventory.hosts {
                assert!(inventory.host(&host.name).is_some(), "{} is not found by its name", host.name);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a word");
            inventory::problem::print(&problems, &inputs.files, &mut std::io::sink())
                .expect("a sink takes all");
        }
    }
});
