//! Figures as rows of tables, the machine they were taken on, and the page they are written to.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

/// One row: what was measured, the figure, the bar.
pub struct Row {
    pub what: String,
    pub figure: String,
    pub bar: String,
}

/// The rows of one table.
pub struct Table {
    /// As `--only` says it, and as the markers in the page do.
    pub name: &'static str,
    rows: Vec<Row>,
}

impl Table {
    pub fn new(name: &'static str) -> Table {
        println!("\n{name}");
        Table { name, rows: Vec::new() }
    }

    pub fn row(&mut self, what: impl Into<String>, figure: impl Into<String>, bar: &str) {
        let row = Row { what: what.into(), figure: figure.into(), bar: bar.to_owned() };
        println!("  {} | {} | {}", row.what, row.figure, row.bar);
        self.rows.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n\n| what | figure | bar |\n|---|---|---|\n", machine());
        for Row { what, figure, bar } in &self.rows {
            let _ = writeln!(text, "| {what} | {figure} | {bar} |");
        }
        text
    }

    /// Puts the table between its markers in the page.
    pub fn write(&self, page: &std::path::Path) {
        let text = std::fs::read_to_string(page).expect("the page");
        let (start, end) =
            (format!("<!-- figures: {} -->\n", self.name), format!("<!-- end: {} -->", self.name));
        let from = text.find(&start).unwrap_or_else(|| panic!("no marker {start}")) + start.len();
        let until = from + text[from..].find(&end).unwrap_or_else(|| panic!("no marker {end}"));
        let text = format!("{}{}{}", &text[..from], self.markdown(), &text[until..]);
        std::fs::write(page, text).expect("the page can be written");
    }
}

/// Processor, cores, memory, day, toolchain, commit, load: one line.
fn machine() -> String {
    let file = |path| std::fs::read_to_string(path).unwrap_or_default();
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).output().ok();
        out.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpus = file("/proc/cpuinfo");
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = file("/proc/meminfo");
    let memory = memory.lines().next().and_then(|line| line.split_ascii_whitespace().nth(1));
    let gib = memory.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1_048_576.0;
    let load = file("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let mut commit = run("git", &["rev-parse", "--short", "HEAD"]);
    if !run("git", &["status", "--porcelain", "--", "crates"]).is_empty() {
        commit.push_str(" with changes");
    }
    format!(
        "{}, {cores} cores, {gib:.0} GiB; {}; {}; commit {commit}; load {load}.",
        cpu.trim_start_matches([' ', '\t', ':']),
        run("date", &["-u", "+%Y-%m-%d"]),
        run("rustc", &["--version"]),
    )
}

/// Sorted values, for the best, the median and others.
pub struct Sorted(Vec<f64>);

impl Sorted {
    pub fn new(mut values: Vec<f64>) -> Sorted {
        values.sort_by(f64::total_cmp);
        Sorted(values)
    }

    pub fn best(&self) -> f64 {
        self.0[0]
    }

    pub fn worst(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    pub fn at(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }

    pub fn median(&self) -> f64 {
        self.at(0.5)
    }
}

/// Milliseconds that something takes.
pub async fn timed<T>(what: impl Future<Output = T>) -> (T, f64) {
    let start = Instant::now();
    let value = what.await;
    (value, start.elapsed().as_secs_f64() * 1e3)
}

/// Resident memory of this process, in bytes.
pub fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}

pub fn mib(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / 1_048_576.0)
}

/// Processor time that this process has used, in seconds.
pub fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_ascii_whitespace().skip(11).take(2);
    ticks.filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}
