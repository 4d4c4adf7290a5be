//! `mumble-ai config`: the effective settings and where each came from.

use std::process::ExitCode;

use serde_json::json;
use service::settings::{Line, Settings};

use crate::out;

/// How to show the settings.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON for machines, with a sentence about each setting.
    #[arg(long)]
    json: bool,
}

/// Prints the settings in force; secrets are masked.
pub fn run(args: &Args, settings: &Settings) -> ExitCode {
    if args.json {
        out::line(serde_json::Value::Array(
            settings.lines().map(as_json).collect(),
        ));
        return ExitCode::SUCCESS;
    }
    let lines: Vec<Line> = settings.lines().collect();
    let width = lines
        .iter()
        .map(|line| line.variable.len())
        .max()
        .unwrap_or_default();
    let mut room = "";
    for line in &lines {
        let (of, key) = line.key.split_once('.').unwrap_or(("", &line.key));
        if of != room {
            out::line(format_args!(
                "{}[{of}]",
                if room.is_empty() { "" } else { "\n" }
            ));
            room = of;
        }
        let value = match &line.value {
            Some(value) => format!("{key} = {value}"),
            None => format!("#{key} is not set"),
        };
        out::line(format_args!(
            "{:11}  {:width$}  {value}",
            line.origin.name(),
            line.variable
        ));
    }
    ExitCode::SUCCESS
}

fn as_json(line: Line) -> serde_json::Value {
    json!({
        "key": line.key,
        "value": line.value,
        "origin": line.origin.name(),
        "variable": line.variable,
        "doc": line.doc,
    })
}
