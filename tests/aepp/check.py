"""aepp against the simulated Flow Service: a test with a client that we did not write.

    check.py FILE        FILE holds what `flowmend simulate` printed

Every check calls aepp as its users do. What a list should hold is asked of the simulator in another
way than the one under test: by its count, by another page size, or one by one.
"""

import contextlib
import io
import re
import sys
import time
import traceback

import aepp
import requests
from aepp import flowservice

SCOPES = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"
SANDBOX = "prod"
FLOWS = 40  # of the default scenario
STATUSES = {"scheduled", "inProgress", "success", "partialSuccess", "failed"}
RUN_STATUS = "metrics.statusSummary.status"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def settings(path):
    """The settings among what the simulator printed, such as `platform_url = "http://..."`."""
    with open(path, encoding="utf-8") as said:
        return dict(re.findall(r'^(\w+) = "(.*)"$', said.read(), re.MULTILINE))


def connect(simulator, secret=None):
    """aepp's Flow Service at the simulator. The token is fetched on the way, by aepp.

    Its `configure` knows Adobe's own hosts only; the addresses live in two dictionaries of the
    package, which every module reads afterwards.
    """
    aepp.configure(
        org_id=simulator["org_id"],
        client_id=simulator["client_id"],
        secret=secret or simulator["client_secret"],
        scopes=SCOPES,
        sandbox=SANDBOX,
        retry=0,
    )
    aepp.config.endpoints["global"] = simulator["platform_url"]
    aepp.config.config_object["imsEndpoint"] = simulator["ims_url"]
    aepp.config.config_object["oauthTokenEndpointV2"] = simulator["ims_url"] + "/ims/token/v3"
    return flowservice.FlowService()


def status_of(run):
    return run["metrics"]["statusSummary"]["status"]


def ids_of(items):
    return [item["id"] for item in items]


def unique(ids):
    return len(ids) == len(set(ids))


class Checks:
    """One method, one check; its name is what it holds true."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.aep = connect(simulator)
        # Life goes on while we look, and pages of a list that grows overlap. So the lists are those
        # of the day that had passed before the simulator started, of which every run has ended.
        self.past = f"createdAt<{int((time.time() - 1800) * 1000)}"

    def count(self, *properties):
        """How many runs the service counts; `count` excludes `limit`, so aepp's lists cannot ask."""
        params = {"property": [self.past, *properties], "count": "true"}
        return self.aep.getResource(self.aep.endpoint + "/runs", params=params)["count"]

    # aepp takes a refused list for an empty one, and an empty list proves nothing: none is empty here.

    def runs(self, *properties, limit=100):
        runs = self.aep.getRuns(limit=limit, n_results="inf", prop=[self.past, *properties])
        assert runs, "no runs at all"
        return runs

    def flows(self, **options):
        flows = self.aep.getFlows(n_results="inf", **options)
        assert flows, "no dataflows at all"
        return flows

    def failed_batch_run(self):
        """A failed run of a batch dataflow that is enabled, which was not re-triggered."""
        flows = {flow["id"]: flow for flow in self.flows()}
        for run in self.runs(f"{RUN_STATUS}==failed"):
            flow = flows[run["flowId"]]
            spec = self.aep.getFlowSpec(flow["flowSpec"]["id"])
            batch = spec.get("attributes", {}).get("frequency") == "batch"
            if batch and flow["state"] == "enabled":
                return run
        raise AssertionError("no failed run of an enabled batch dataflow")

    # ---- the token

    def check_aepp_gets_a_token_and_believes_that_it_is_good_for_a_day(self):
        assert self.aep.connector.token
        left = self.aep.connector.config["date_limit"] + 500 - time.time()
        assert 86_000 < left <= 86_400, left

    def check_a_wrong_secret_gets_no_token(self):
        complaint = io.StringIO()
        with contextlib.redirect_stdout(complaint):
            try:
                connect(self.simulator, secret="wrong")
            except KeyError:
                pass
            else:
                raise AssertionError("aepp accepted a wrong secret")
        assert "invalid_client" in complaint.getvalue(), complaint.getvalue()

    # ---- dataflows

    def check_every_dataflow_is_listed_once_on_one_page(self):
        flows = self.flows()
        assert len(flows) == FLOWS, len(flows)
        assert unique(ids_of(flows))
        assert all(UUID.fullmatch(flow["id"]) for flow in flows)
        assert len(self.aep.data.flowId) == FLOWS, "aepp's own index, by name"

    def check_pages_of_dataflows_add_up_to_the_whole_list(self):
        pages = self.flows(limit=7)
        assert ids_of(pages) == ids_of(self.flows())

    def check_sources_and_destinations_are_told_apart(self):
        sources = self.flows(onlySources=True)
        destinations = self.flows(onlyDestinations=True)
        assert len(sources) + len(destinations) == FLOWS
        assert not set(ids_of(sources)) & set(ids_of(destinations))
        flags = [flow["inheritedAttributes"]["properties"] for flow in destinations]
        assert all(flag.get("isDestinationFlow") is True for flag in flags), flags

    def check_a_single_dataflow_is_the_one_of_the_list(self):
        listed = next(flow for flow in self.flows() if flow["state"] == "disabled")
        single = self.aep.getFlow(listed["id"])
        assert (single["id"], single["name"]) == (listed["id"], listed["name"])
        assert single["etag"] == listed["etag"]

    def check_the_spec_of_every_dataflow_can_be_read(self):
        ids = {flow["flowSpec"]["id"] for flow in self.flows()}
        specs = {spec_id: self.aep.getFlowSpec(spec_id) for spec_id in ids}
        assert all(spec["id"] == spec_id and spec["name"] for spec_id, spec in specs.items())
        kinds = {spec.get("attributes", {}).get("frequency") for spec in specs.values()}
        assert kinds == {"batch", "streaming", None}, kinds

    # ---- runs

    def check_pages_of_runs_add_up_to_what_the_service_counts(self):
        runs = self.runs()
        count = self.count()
        assert len(runs) == count > 200, (len(runs), count)
        assert unique(ids_of(runs))
        assert {status_of(run) for run in runs} <= STATUSES

    def check_the_size_of_the_pages_changes_nothing(self):
        assert ids_of(self.runs(limit=37)) == ids_of(self.runs(limit=100))

    def check_aepp_stops_paging_when_it_has_enough(self):
        runs = self.aep.getRuns(limit=10, n_results=20, prop=[self.past])
        assert len(runs) == 20, len(runs)

    def check_the_newest_run_comes_first(self):
        created = [run["createdAt"] for run in self.runs()]
        assert created == sorted(created, reverse=True)

    def check_a_filter_by_dataflow_gives_its_runs_and_no_others(self):
        everything = self.runs()
        flow_id = everything[0]["flowId"]
        expected = [run["id"] for run in everything if run["flowId"] == flow_id]
        assert ids_of(self.runs(f"flowId=={flow_id}", limit=5)) == expected

    def check_a_filter_by_status_gives_the_failed_runs_and_no_others(self):
        expected = [run["id"] for run in self.runs() if status_of(run) == "failed"]
        failed = self.runs(f"{RUN_STATUS}==failed", limit=9)
        assert ids_of(failed) == expected
        assert len(failed) == self.count(f"{RUN_STATUS}==failed") > 10, len(failed)
        assert all(run["metrics"]["statusSummary"]["errors"] for run in failed)

    def check_dataflow_and_status_together_give_the_runs_that_are_both(self):
        failed = self.runs(f"{RUN_STATUS}==failed")
        flow_id = failed[-1]["flowId"]
        expected = [run["id"] for run in failed if run["flowId"] == flow_id]
        assert ids_of(self.runs(f"flowId=={flow_id}", f"{RUN_STATUS}==failed", limit=2)) == expected

    def check_a_single_run_is_the_one_of_the_list_wrapped(self):
        listed = self.runs(f"{RUN_STATUS}==failed")[0]
        single = self.aep.getRun(listed["id"])
        assert len(single) == 1, single
        assert single[0] == listed, (single[0], listed)

    def check_a_run_that_does_not_exist_is_refused_in_adobes_words(self):
        with contextlib.redirect_stdout(io.StringIO()):  # aepp prints the status, too
            answer = self.aep.getRun("00000000-0000-4000-8000-000000000000")
        assert answer["type"] == "https://ns.adobe.com/aep/errors/FLOW-1439-404", answer
        assert answer["status"] == 404 and answer["report"]["request-id"], answer

    # ---- what aepp has no method for, through its connector

    def check_a_retrigger_issues_a_run_that_can_be_found_at_once(self):
        failed = self.failed_batch_run()
        url = f"{self.aep.endpoint}/runs/{failed['id']}/action"
        issued = self.aep.connector.postData(url, params={"op": "re-trigger"})
        assert issued["id"] != failed["id"], issued
        assert re.fullmatch(r'"[0-9a-f-]{36}"', issued["etag"]), issued
        found = self.aep.getRun(issued["id"])[0]
        assert found["flowId"] == failed["flowId"]
        assert found["createdClient"] == self.simulator["client_id"]
        assert issued["id"] in ids_of(self.aep.getRuns(prop=f"flowId=={failed['flowId']}"))
        assert status_of(self.aep.getRun(failed["id"])[0]) == "failed", "the old one stays as it was"

    def check_nothing_was_asked_that_the_simulator_does_not_have(self):
        ledger = requests.get(self.simulator["platform_url"] + "/simulator/ledger", timeout=10).json()
        assert ledger["unexpected"] == [], ledger["unexpected"]
        assert ledger["requests"]["runs"] > 10 and ledger["requests"]["token"] >= 2, ledger["requests"]


def main(path):
    checks = Checks(settings(path))
    names = [name for name in dir(checks) if name.startswith("check_")]
    # In the order of the source; the last one looks back on all the others.
    names.sort(key=lambda name: getattr(Checks, name).__code__.co_firstlineno)
    failed = 0
    for name in names:
        sentence = name.removeprefix("check_").replace("_", " ")
        try:
            getattr(checks, name)()
        except Exception:  # a failure in one must not hide the others
            failed += 1
            print(f"FAILED  {sentence}")
            traceback.print_exc()
        else:
            print(f"ok      {sentence}")
    print(f"\naepp {aepp.__version__} against the simulator: {len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
