//! How often the processors of this machine have interrupted each other, on behalf of anybody.

/// What the processors have asked of each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interrupts {
    /// To forget a part of the page table, for one of them has changed the mappings of a process
    /// that runs on others. Some processors are told without an interrupt: 0 there.
    pub tlb_shootdowns: f64,
    /// To call a function of the kernel there: to wake a thread on a processor that sleeps is one,
    /// and where the kernel counts shootdowns among them, these are others.
    pub function_calls: f64,
}

impl Interrupts {
    /// All since the machine's start, by `/proc/interrupts`; 0 where there is no such file.
    pub fn so_far() -> Self {
        let text = std::fs::read_to_string("/proc/interrupts").unwrap_or_default();
        let of = |what| text.lines().find(|line| line.ends_with(what)).map_or(0.0, sum);
        Interrupts {
            tlb_shootdowns: of("TLB shootdowns"),
            function_calls: of("Function call interrupts"),
        }
    }

    /// What was added since an earlier reading.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        self.less(before, 1.0)
    }

    /// These, less `times` as many as the others.
    #[must_use]
    pub fn less(self, others: Self, times: f64) -> Self {
        Interrupts {
            tlb_shootdowns: self.tlb_shootdowns - others.tlb_shootdowns * times,
            function_calls: self.function_calls - others.function_calls * times,
        }
    }
}

/// The numbers of a line, one a processor, behind its name.
fn sum(line: &str) -> f64 {
    let numbers = line.split_whitespace().skip(1).map_while(|word| word.parse::<f64>().ok());
    numbers.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_of_a_line_are_added_up() {
        assert_eq!(sum("CAL:   11437040    9788075   Function call interrupts"), 21_225_115.0);
        assert_eq!(sum(" IPI1:  3  4  5  Function call interrupts"), 12.0);
    }
}
