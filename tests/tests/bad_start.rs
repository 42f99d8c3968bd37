//! What stops `graphmill dev` from starting, and how it says so.

use std::process::{Command, Output};

use graphmill_tests::{System, system::binary};

fn dev(data_dir: &std::path::Path, settings: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args([
        "--set",
        &format!("data_dir={}", data_dir.display()),
        "--set",
        "api.listen=127.0.0.1:0",
    ]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.arg("dev").output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_told_which_folder_is_in_use() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = System::start(temp.path(), &[]).await;
    let second = dev(temp.path(), &[]);
    assert_eq!(second.status.code(), Some(4), "{}", stderr(&second));
    let message = stderr(&second);
    let folder = temp.path().display().to_string();
    assert!(
        message.contains(&folder) && message.contains("data_dir="),
        "{message}"
    );
    drop(system);
}

#[test]
fn a_port_in_use_is_named() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    let output = dev(temp.path(), &[&format!("api.listen={address}")]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&address.to_string()),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_damaged_database_is_named() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let file = temp.path().join("graphmill.db");
    std::fs::write(
        &file,
        "this is no database, whatever its name says. ".repeat(200),
    )
    .expect("the file is written");
    let output = dev(temp.path(), &[]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("graphmill.db"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_misspelt_setting_is_named_with_the_nearest_one() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let output = dev(temp.path(), &["queue.leese=3s"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let message = stderr(&output);
    assert!(
        message.contains("queue.leese") && message.contains("queue.lease"),
        "{message}"
    );
}

#[test]
fn a_missing_path_is_named_and_the_api_that_is_not_there_too() {
    let missing = Command::new(binary())
        .args(["--api-url", "http://127.0.0.1:9", "document", "list"])
        .output()
        .expect("the binary runs");
    assert_eq!(missing.status.code(), Some(3), "{}", stderr(&missing));
    assert!(
        stderr(&missing).contains("127.0.0.1:9"),
        "{}",
        stderr(&missing)
    );
}
