//! How differences are shown.

use fleet_common::diff::unified;

/// What differs between two lists of lines that keep their ends, as the reference shows it: a blank line between them.
pub fn differences(old: &[String], new: &[String]) -> String {
    let mut out = String::new();
    for (at, line) in unified(&old.concat(), &new.concat(), "", "").lines().enumerate() {
        out.push_str(line);
        // The two names and the places have one end, the lines of the texts their own and that of the list.
        out.push_str(if at < 2 || line.starts_with("@@") { "\n" } else { "\n\n" });
    }
    // Nothing comes after the last one.
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_as_the_reference_does() {
        let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
        let old = lines("auto eth0\niface eth0 inet static\n    address 10.1.0.7\n    netmask 255.255.255.0\n\n");
        let new = lines("auto eth0\niface eth0 inet static\n    address 10.1.0.8\n    netmask 255.255.255.0\n\n");
        let wanted = "--- \n+++ \n@@ -1,5 +1,5 @@\n auto eth0\n\n iface eth0 inet static\n\n-    address 10.1.0.7\n\n\
                      +    address 10.1.0.8\n\n     netmask 255.255.255.0\n\n \n";
        assert_eq!(differences(&old, &new), wanted);
    }
}
