//! What becomes of a model that the machine cannot run: here, since the kernel refuses a ring.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_no_new_privs;
use server_core::Model;

use crate::command_line::one_line;
use crate::support::{LAB, Subject, subjects};
use crate::{Tests, of};

pub(crate) fn trials() -> Vec<Trial> {
    let in_vain = subjects().filter(|it| it.model.properties.by_completion && it.has_bare());
    let tests: Tests<3> = [
        ("refused by the kernel, it says so in one line and ends", server_says_so),
        ("refused by the kernel, the lab leaves it out and says so", lab_leaves_it_out),
        ("refused by the kernel, the lab does not compare it with nobody", lab_has_nobody_left),
    ];
    in_vain.flat_map(|it| tests.map(|(name, test)| of(it, name, test))).collect()
}

fn server_says_so(subject: Subject) {
    for arguments in [&[][..], &["--bare"]] {
        let line = one_line(without_rings(subject.command(arguments)), 1);
        let program = subject.model.program();
        assert!(
            line.starts_with(&format!("{program}: no io_uring: it is forbidden here")),
            "{line}"
        );
    }
}

/// The lab, in vain asked for a model.
fn timeline(models: &[Model]) -> Command {
    let names: Vec<&str> = models.iter().map(|model| model.name).collect();
    let mut lab = Command::new(LAB);
    lab.args(["timeline", "--quick", "--models", &names.join(",")]);
    without_rings(lab)
}

fn lab_leaves_it_out(subject: Subject) {
    let able = crate::support::any().model;
    let output = timeline(&[able, subject.model]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text").replace('\n', " ");
    assert!(output.status.success(), "{text}");
    let sentence = format!("{} is left out: no io_uring: it is forbidden here", subject.model.name);
    assert!(text.contains(&sentence) && text.contains(able.name), "{text}");
}

fn lab_has_nobody_left(subject: Subject) {
    let line = one_line(timeline(&[subject.model]), 1);
    assert!(line.contains("is left out: no io_uring"), "{line}");
}

/// The same command where the kernel lets nobody set up a ring, as many a container has it.
#[allow(unsafe_code)]
fn without_rings(mut command: Command) -> Command {
    // SAFETY: between fork and exec it makes two system calls, on memory of its own stack.
    unsafe { command.pre_exec(forbid_rings) };
    command
}

/// Forbids this process and its children `io_uring_setup(2)`: seccomp(2).
fn forbid_rings() -> io::Result<()> {
    let step = |code: u32, jump_if_not: u8, number: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_if_not,
        k: number,
    };
    let mut program = [
        // The number of the call stands first in the record that the filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, libc::SYS_io_uring_setup as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    set_no_new_privs()?;
    install(&filter)
}

#[allow(unsafe_code)]
fn install(filter: &libc::sock_fprog) -> io::Result<()> {
    // SAFETY: the call reads the filter, which lives through it, and writes nothing back.
    let installed =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const *filter) };
    Ok(Errno::result(installed).map(drop)?)
}
