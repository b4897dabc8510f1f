//! Bodies as the JSON of the vectors writes them.

use serde_json::{Value, json};
use timefleet_agent::chronyc::wire::{
    Activity, AddSource, Address, AuthData, ClientAccess, ClientsPage, Local2, ManualSample, NtpData, Reply,
    Request, Rtc, SelectData, SelectOptions, ServerStats, Smoothing, SourceData, SourceMatch, SourceStats,
    Time, Tracking,
};

fn address(address: Address) -> Value {
    match address {
        Address::Unspecified => Value::Null,
        known => json!(known.to_string()),
    }
}

fn time(time: Time) -> Value {
    json!([time.seconds, time.nanos])
}

fn age(age: Option<u32>) -> Value {
    json!(age.unwrap_or(u32::MAX))
}

fn letter(byte: u8) -> Value {
    json!(char::from(byte).to_string())
}

/// The decoded body of a reply; `None` for one without.
pub(crate) fn reply(reply: &Reply) -> Option<Value> {
    Some(match reply {
        Reply::Null => return None,
        Reply::SourceCount(count) => json!({ "count": count }),
        Reply::SourceData(body) => source_data(body),
        Reply::Tracking(body) => tracking(body),
        Reply::SourceStats(body) => source_stats(body),
        Reply::SelectData(body) => select_data(body),
        Reply::AuthData(body) => auth_data(body),
        Reply::Activity(body) => activity(body),
        Reply::SourceName(name) => {
            json!({ "name": name.bytes().iter().map(|byte| char::from(*byte)).collect::<String>() })
        }
        Reply::ShortNtpData(body) => ntp_data(body),
        Reply::NtpData(body) => {
            let mut value = ntp_data(body);
            for (name, count) in [
                ("kernel_tx", body.kernel_tx),
                ("kernel_rx", body.kernel_rx),
                ("hw_tx", body.hw_tx),
                ("hw_rx", body.hw_rx),
            ] {
                value[name] = age(count);
            }
            value
        }
        Reply::ShortServerStats(body) => server_stats(body),
        Reply::ServerStats(body) => {
            let mut value = server_stats(body);
            for (name, count) in [
                ("daemon_rx", body.daemon_rx),
                ("daemon_tx", body.daemon_tx),
                ("kernel_rx", body.kernel_rx),
                ("kernel_tx", body.kernel_tx),
                ("hw_rx", body.hw_rx),
                ("hw_tx", body.hw_tx),
            ] {
                value[name] = json!(count.unwrap_or(u64::MAX));
            }
            value
        }
        Reply::Clients(body) => json!({
            "table_size": body.table_size,
            "next_index": body.next_index,
            "count": body.clients.len(),
            "clients": body.clients.iter().map(client).collect::<Vec<_>>(),
        }),
        Reply::Smoothing(body) => smoothing(body),
        Reply::ManualTimestamp(body) => json!({
            "offset": body.offset.0,
            "frequency_change_ppm": body.frequency_change.0,
            "new_frequency_ppm": body.new_frequency.0,
        }),
        Reply::ManualSamples(body) => json!({
            "count": body.0.len(),
            "samples": body.0.iter().map(manual_sample).collect::<Vec<_>>(),
        }),
        Reply::Rtc(body) => rtc(body),
    })
}

fn tracking(body: &Tracking) -> Value {
    json!({
        "ref_id": body.ref_id,
        "address": address(body.address),
        "stratum": body.stratum,
        "leap": body.leap,
        "ref_time": time(body.ref_time),
        "correction": body.correction.0,
        "last_offset": body.last_offset.0,
        "rms_offset": body.rms_offset.0,
        "frequency_ppm": body.frequency.0,
        "residual_frequency_ppm": body.residual_frequency.0,
        "skew_ppm": body.skew.0,
        "root_delay": body.root_delay.0,
        "root_dispersion": body.root_dispersion.0,
        "update_interval": body.update_interval.0,
    })
}

fn source_data(body: &SourceData) -> Value {
    json!({
        "address": address(body.address),
        "poll": body.poll,
        "stratum": body.stratum,
        "state": body.state.code(),
        "mode": body.mode.code(),
        "flags": body.flags,
        "reach": body.reach,
        "last_sample_age": age(body.last_sample_age),
        "measured_offset": body.measured_offset.0,
        "adjusted_offset": body.adjusted_offset.0,
        "error_bound": body.error_bound.0,
    })
}

fn source_stats(body: &SourceStats) -> Value {
    json!({
        "ref_id": body.ref_id,
        "address": address(body.address),
        "samples": body.samples,
        "runs": body.runs,
        "span": body.span,
        "std_dev": body.std_dev.0,
        "residual_frequency_ppm": body.residual_frequency.0,
        "skew_ppm": body.skew.0,
        "offset": body.offset.0,
        "offset_error": body.offset_error.0,
    })
}

fn select_data(body: &SelectData) -> Value {
    json!({
        "ref_id": body.ref_id,
        "address": address(body.address),
        "state": letter(body.state),
        "authenticated": body.authenticated,
        "leap": body.leap,
        "configured": body.configured,
        "effective": body.effective,
        "sample_age": body.sample_age,
        "score": body.score,
        "low": body.low.0,
        "high": body.high.0,
    })
}

fn auth_data(body: &AuthData) -> Value {
    json!({
        "mode": body.mode,
        "key_type": body.key_type,
        "key_id": body.key_id,
        "key_bits": body.key_bits,
        "ke_attempts": body.ke_attempts,
        "ke_age": age(body.ke_age),
        "cookies": body.cookies,
        "cookie_length": body.cookie_length,
        "nak": body.nak,
    })
}

fn activity(body: &Activity) -> Value {
    json!({
        "online": body.online,
        "offline": body.offline,
        "burst_online": body.burst_online,
        "burst_offline": body.burst_offline,
        "unresolved": body.unresolved,
    })
}

fn ntp_data(body: &NtpData) -> Value {
    json!({
        "remote_address": address(body.remote_address),
        "local_address": address(body.local_address),
        "remote_port": body.remote_port,
        "leap": body.leap,
        "version": body.version,
        "mode": body.mode,
        "stratum": body.stratum,
        "poll": body.poll,
        "precision": body.precision,
        "root_delay": body.root_delay.0,
        "root_dispersion": body.root_dispersion.0,
        "ref_id": body.ref_id,
        "ref_time": time(body.ref_time),
        "offset": body.offset.0,
        "peer_delay": body.peer_delay.0,
        "peer_dispersion": body.peer_dispersion.0,
        "response_time": body.response_time.0,
        "jitter_asymmetry": body.jitter_asymmetry,
        "flags": body.flags,
        "tx_stamp": letter(body.tx_stamp),
        "rx_stamp": letter(body.rx_stamp),
        "tx_total": body.tx_total,
        "rx_total": body.rx_total,
        "rx_valid": body.rx_valid,
        "rx_good": body.rx_good,
    })
}

fn server_stats(body: &ServerStats) -> Value {
    json!({
        "ntp_hits": body.ntp_hits,
        "nke_hits": body.nke_hits,
        "cmd_hits": body.cmd_hits,
        "ntp_drops": body.ntp_drops,
        "nke_drops": body.nke_drops,
        "cmd_drops": body.cmd_drops,
        "log_drops": body.log_drops,
        "ntp_auth_hits": body.ntp_auth_hits,
        "ntp_interleaved_hits": body.ntp_interleaved_hits,
        "timestamps_held": body.timestamps_held,
        "timestamp_span": body.timestamp_span,
    })
}

fn client(body: &ClientAccess) -> Value {
    json!({
        "address": address(body.address),
        "ntp_hits": body.ntp_hits,
        "nke_hits": body.nke_hits,
        "cmd_hits": body.cmd_hits,
        "ntp_drops": body.ntp_drops,
        "nke_drops": body.nke_drops,
        "cmd_drops": body.cmd_drops,
        "ntp_interval": body.ntp_interval,
        "nke_interval": body.nke_interval,
        "cmd_interval": body.cmd_interval,
        "ntp_limited_interval": body.ntp_limited_interval,
        "ntp_age": age(body.ntp_age),
        "nke_age": age(body.nke_age),
        "cmd_age": age(body.cmd_age),
    })
}

fn manual_sample(body: &ManualSample) -> Value {
    json!({
        "time": time(body.time),
        "slewed_offset": body.slewed_offset.0,
        "original_offset": body.original_offset.0,
        "residual": body.residual.0,
    })
}

fn sources(body: &SourceMatch) -> Value {
    json!({ "mask": address(body.mask), "address": address(body.address) })
}

fn local(body: &Local2) -> Value {
    json!({ "enable": body.enable, "stratum": body.stratum, "distance": body.distance.0, "orphan": body.orphan })
}

/// The decoded body of a request; `None` for one without.
pub(crate) fn request(request: &Request) -> Option<Value> {
    Some(match request {
        Request::Online(body) | Request::Offline(body) => sources(body),
        Request::Burst(body) => {
            let mut value = sources(&body.sources);
            value["good"] = json!(body.good);
            value["total"] = json!(body.total);
            value
        }
        Request::ModifyMinPoll(body)
        | Request::ModifyMaxPoll(body)
        | Request::ModifyMinStratum(body)
        | Request::ModifyPollTarget(body) => json!({ "address": address(body.address), "value": body.value }),
        Request::ModifyMaxDelay(body) => change(body.address, body.value.0),
        Request::ModifyMaxDelayRatio(body) | Request::ModifyMaxDelayDevRatio(body) => {
            change(body.address, body.value)
        }
        Request::ModifyMaxUpdateSkew(value) | Request::AdjustFrequency(value) => json!({ "value": value.0 }),
        Request::AdjustOffset(value) => json!({ "value": value.0 }),
        Request::ReselectDistance(distance) => json!({ "distance": distance.0 }),
        Request::SetTime(moment) => json!({ "time": time(*moment) }),
        Request::Manual(option) | Request::SmoothTime(option) => json!({ "option": option }),
        Request::ManualDelete(index) | Request::SourceData(index) => json!({ "index": index }),
        Request::SourceStats(index) | Request::SelectData(index) => json!({ "index": index }),
        Request::Dump(0) => json!({}),
        Request::Allow(body)
        | Request::AllowAll(body)
        | Request::Deny(body)
        | Request::DenyAll(body)
        | Request::CommandAllow(body)
        | Request::CommandAllowAll(body)
        | Request::CommandDeny(body)
        | Request::CommandDenyAll(body) => {
            json!({ "address": address(body.address), "prefix_length": body.length })
        }
        Request::AccessCheck(body)
        | Request::CommandAccessCheck(body)
        | Request::DeleteSource(body)
        | Request::NtpData(body)
        | Request::SourceName(body)
        | Request::AuthData(body) => json!({ "address": address(*body) }),
        Request::ModifyMakeStep(body) => json!({ "limit": body.limit, "threshold": body.threshold.0 }),
        Request::Clients(body) => page(body),
        Request::Local2(body) => local(body),
        Request::Local3(body) => {
            let mut value = local(&body.basic);
            value["activate"] = json!(body.activate.0);
            value["wait_synced"] = json!(body.wait_synced.0);
            value["wait_unsynced"] = json!(body.wait_unsynced.0);
            value
        }
        Request::ModifySelectOptions(body) => select_options(body),
        Request::ModifyOffset(body) => {
            json!({ "address": address(body.address), "ref_id": body.ref_id, "value": body.offset.0 })
        }
        Request::AddSource(body) => add_source(body),
        _ => return None,
    })
}

fn add_source(body: &AddSource) -> Value {
    json!({
        "type": body.kind,
        "name": body.name.text(),
        "port": body.port,
        "minpoll": body.min_poll,
        "maxpoll": body.max_poll,
        "presend": body.presend,
        "min_stratum": body.min_stratum,
        "poll_target": body.poll_target,
        "version": body.version,
        "max_sources": body.max_sources,
        "min_samples": body.min_samples,
        "max_samples": body.max_samples,
        "key": body.key,
        "nts_port": body.nts_port,
        "max_delay": body.max_delay.0,
        "max_delay_ratio": body.max_delay_ratio,
        "max_delay_dev_ratio": body.max_delay_dev_ratio,
        "min_delay": body.min_delay.0,
        "asymmetry": body.asymmetry,
        "offset": body.offset.0,
        "flags": body.flags,
        "filter": body.filter,
        "cert_set": body.cert_set,
        "max_delay_quant": body.max_delay_quant,
        "max_unreach": body.max_unreach,
    })
}

fn change(source: Address, value: f64) -> Value {
    json!({ "address": address(source), "value": value })
}

fn page(body: &ClientsPage) -> Value {
    json!({
        "first_index": body.first,
        "max_count": body.count,
        "min_hits": body.min_hits,
        "reset": body.reset,
    })
}

fn select_options(body: &SelectOptions) -> Value {
    json!({
        "address": address(body.address),
        "ref_id": body.ref_id,
        "mask": body.mask,
        "options": body.options,
    })
}

fn smoothing(body: &Smoothing) -> Value {
    json!({
        "flags": body.flags,
        "offset": body.offset.0,
        "frequency_ppm": body.frequency.0,
        "wander_ppm": body.wander.0,
        "update_age": body.update_age.0,
        "remaining": body.remaining.0,
    })
}

fn rtc(body: &Rtc) -> Value {
    json!({
        "ref_time": time(body.ref_time),
        "samples": body.samples,
        "runs": body.runs,
        "span": body.span,
        "fast_by": body.fast_by.0,
        "gain_ppm": body.gain.0,
    })
}
