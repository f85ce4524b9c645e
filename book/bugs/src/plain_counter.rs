// ANCHOR: bug
fn main() {
    let mut lines = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| lines += 1); // BUG: two threads with a counter that is neither's
        }
    });
    println!("{lines}");
}
// ANCHOR_END: bug
