//! `serve`: the server, until it is asked to end.

use crate::args::{Global, Serve};
use crate::commands::environment;
use crate::config::Partial;
use crate::exit::Failure;
use crate::server::{EndSignals, Server};
use crate::{logs, terminal};

/// Serves.
///
/// # Errors
/// Why it did not start, or ended without being asked.
pub(crate) async fn run(args: Serve, global: &Global) -> Result<(), Failure> {
    let file = match &args.config {
        Some(path) => Partial::file(path)?,
        None => Partial::default(),
    };
    let config = args.partial(global)?.over(environment()?).over(file).settle()?;
    if args.show_config {
        terminal::answer(&config.show());
        return Ok(());
    }
    logs::start(config.log_format, config.log.as_deref().unwrap_or("info"))?;
    let mut signals = EndSignals::listen()?;
    let mut server = Server::start(&config, args.clock_ahead).await?;
    if let Some(ahead) = args.clock_ahead {
        let seconds = ahead.as_secs();
        terminal::message(&format!(
            "WARNING: the clock of this server runs {seconds} s ahead (--clock-ahead). This is for \
             tests: rights begin and end at the wrong time, and what it writes is dated wrongly."
        ));
        tracing::warn!(seconds, "the clock runs ahead");
    }
    if config.insecure_http && config.tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!("plain HTTP for other machines: passwords and keys travel in the clear");
    }
    terminal::answer(&format!("claviger ready {}", server.url));
    let lost = tokio::select! {
        () = signals.asked() => None,
        lost = server.lost() => Some(lost),
    };
    tracing::info!("ending");
    server.stop().await;
    tracing::info!("ended");
    lost.map_or(Ok(()), Err)
}
