//! Decisions over HTTP beside a bare handler that returns a constant: the same requests, the same
//! connections, the same cores, turn by turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Clock};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use claviger_app::App;
use claviger_domain::ids::PlaceNumber;
use claviger_store::testing::sqlite;
use claviger_store::{Statement, values};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::building::Building;
use crate::show::{Sorted, Table, processor};
use crate::world::{Question, SMALL, Size, World};

const CONNECTIONS: usize = 64;
const TURNS: usize = 9;
const TURN: Duration = Duration::from_millis(1_500);
const WARM: Duration = Duration::from_millis(300);

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

/// Serves on the loopback; its port.
pub async fn serve(router: Router) -> u16 {
    use axum::serve::ListenerExt;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = listener.tap_io(|io| io.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// Reads one answer; its status and body. `buffer` keeps what came with it of the next.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (u16, Vec<u8>) {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = std::str::from_utf8(&buffer[..end]).unwrap();
            let length = head
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .unwrap_or(0_usize);
            if buffer.len() >= end + 4 + length {
                let status = head[9..12].parse().unwrap();
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return (status, body);
            }
        }
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "the server hung up");
    }
}

/// Asks over all connections for a while; answers per second and all latencies in microseconds.
async fn load(port: u16, requests: &Arc<Vec<Vec<u8>>>, during: Duration) -> (f64, Vec<f64>) {
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stop, next, requests) = (stop.clone(), next.clone(), requests.clone());
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut buffer, mut took) = (Vec::with_capacity(2_048), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed) as usize % requests.len();
                let start = Clock::now();
                stream.write_all(&requests[at]).await.unwrap();
                let (status, _) = answer(&mut stream, &mut buffer).await;
                assert_eq!(status, 200);
                took.push(start.elapsed().as_secs_f64() * 1e6);
            }
            took
        }));
    }
    let start = Clock::now();
    tokio::time::sleep(during).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    (all.len() as f64 / start.elapsed().as_secs_f64(), all)
}

/// A request with a body of JSON, as it goes over the wire.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn bodies(questions: &[Question], preview: bool) -> Vec<String> {
    let record = if preview { ",\"record\":false" } else { "" };
    let one = |it: &Question| {
        format!(
            "{{\"lock_id\":\"{}\",\"card\":{{\"technology\":\"mifare_desfire\",\"bits\":{},\
             \"value\":\"{}\"}}{record}}}",
            it.lock,
            it.card.bits,
            it.card.hex()
        )
    };
    questions.iter().map(one).collect()
}

pub fn run(table: &mut Table) {
    let servers = runtime(2);
    let clients = runtime(1);
    let building = servers.block_on(async {
        let building = Building::new(sqlite()).await;
        let world = world(building.number);
        building.fill(world.ground().chain(world.grants())).await;
        building
    });
    let app: App = servers.block_on(building.start());
    let token = servers.block_on(building.token(&app));
    let questions = world(building.number).questions(10_000, 9);
    let path = format!("/api/v1/places/{}/decisions", building.place);
    let requests = |preview: bool| -> Arc<Vec<Vec<u8>>> {
        let bodies = bodies(&questions, preview);
        Arc::new(bodies.iter().map(|body| request("POST", &path, &token, body)).collect())
    };
    let (previews, live) = (requests(true), requests(false));
    let ours = servers.block_on(serve(claviger_web::router(app.clone(), &Default::default())));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let nobody: claviger_app::delivery::Send = Arc::new(|_| Box::pin(async { Ok(200) }));
    servers.spawn(claviger_app::jobs::run(app.clone(), nobody, stopped));
    let one = clients.block_on(async {
        let mut stream = TcpStream::connect(("127.0.0.1", ours)).await.unwrap();
        stream.write_all(&previews[0]).await.unwrap();
        answer(&mut stream, &mut Vec::new()).await
    });
    assert_eq!(one.0, 200, "{}", String::from_utf8_lossy(&one.1));
    let constant = String::from_utf8(one.1).unwrap();
    println!("  an answer: {constant}");
    let bare = Router::new().route(
        "/api/v1/places/{place}/decisions",
        post(move || {
            let body = constant.clone();
            async move { ([(CONTENT_TYPE, "application/json")], body) }
        }),
    );
    let bare = servers.block_on(serve(bare));
    pair(table, &clients, "not recorded", (ours, bare), &previews, "≥ 0.70");
    let name = "recorded, event durable before the answer";
    pair(table, &clients, name, (ours, bare), &live, "≥ 0.35");
    let stored = servers.block_on(async {
        let count = Statement::new(
            "select count(*) from events where place = ?1",
            values![building.number],
        );
        app.storage().db().read(count).await.unwrap()[0].int(0).unwrap()
    });
    println!("  {stored} events stored");
}

fn pair(
    table: &mut Table,
    clients: &Runtime,
    name: &str,
    (ours, bare): (u16, u16),
    requests: &Arc<Vec<Vec<u8>>>,
    bar: &str,
) {
    let (mut rates, mut ratios, mut latencies) = ((Vec::new(), Vec::new()), Vec::new(), Vec::new());
    let mut costs = (Vec::new(), Vec::new());
    for port in [ours, bare] {
        clients.block_on(load(port, requests, WARM));
    }
    for _ in 0..TURNS {
        let before = processor();
        let (rate, took) = clients.block_on(load(ours, requests, TURN));
        let between = processor();
        let (bare, others) = clients.block_on(load(bare, requests, TURN));
        costs.0.push((between - before) * 1e6 / took.len() as f64);
        costs.1.push((processor() - between) * 1e6 / others.len() as f64);
        latencies.extend(took);
        ratios.push(rate / bare);
        rates.0.push(rate);
        rates.1.push(bare);
    }
    let (ratios, took) = (Sorted::new(ratios), Sorted::new(latencies));
    let (ours, bare) = (Sorted::new(rates.0), Sorted::new(rates.1));
    let costs = (Sorted::new(costs.0), Sorted::new(costs.1));
    let what = format!("decision over HTTP, {name}, {CONNECTIONS} connections");
    let figure = format!(
        "{:.2} of a bare handler (median of {TURNS}, {:.2} to {:.2}): {:.0}/s beside {:.0}/s; \
         p50 {:.0} µs, p99 {:.0} µs; processor time per request, caller included, {:.1} beside \
         {:.1} µs",
        ratios.median(),
        ratios.best(),
        ratios.worst(),
        ours.median(),
        bare.median(),
        took.median(),
        took.at(0.99),
        costs.0.best(),
        costs.1.best()
    );
    table.row(what, figure, bar);
}

fn world(place: PlaceNumber) -> World {
    World::new(Size { details: true, always: true, ..SMALL }, place)
}
