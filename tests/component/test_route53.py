# SPDX-License-Identifier: Apache-2.0
"""The route53 provider over production's HTTP client, and moto, an emulator of AWS that recomputes signatures and judges
policies. moto takes a CREATE that was carried out once before for a duplicate even when a DELETE comes first: so each
row has values of its own."""
import json
import pathlib
import subprocess

import pytest

from lib.controller import binary
from lib.moto import Moto

# The actions that dns01/providers/README.md tells users to allow; moto knows no resources of Route 53's.
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
    "route53:ListHostedZonesByName", "route53:GetChange", "route53:ListResourceRecordSets",
    "route53:ChangeResourceRecordSets"]}]}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
                                                 "Action": "sts:AssumeRole"}]}
SETUP = f"""
iam, route53 = aws("iam"), aws("route53")
policy, trust, everything = {json.dumps(POLICY)!r}, {json.dumps(TRUST)!r}, json.dumps(
    {{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*"}}]}})
def user(name, document):
    iam.create_user(UserName=name)
    if document:
        iam.put_user_policy(UserName=name, PolicyName="dns", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return [made["AccessKeyId"], made["SecretAccessKey"]]
role = iam.create_role(RoleName="dns", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="dns", PolicyName="dns", PolicyDocument=policy)
assume = json.dumps({{"Version": "2012-10-17", "Statement": [
    {{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}}]}})
route53.create_hosted_zone(Name="example.com", CallerReference="private",
                           HostedZoneConfig={{"PrivateZone": True}},
                           VPC={{"VPCRegion": "eu-central-1", "VPCId": "vpc-1"}})
zone = route53.create_hosted_zone(Name="example.com", CallerReference="public")["HostedZone"]["Id"]
result = {{"admin": user("admin", everything), "dns": user("dns", policy), "nobody": user("nobody", None),
           "caller": user("caller", assume), "role": role, "zone": zone}}
"""
RECORDS = """
sets = aws("route53").list_resource_record_sets(HostedZoneId="{zone}")["ResourceRecordSets"]
result = {{s["Name"]: sorted(r["Value"] for r in s["ResourceRecords"]) for s in sets if s["Type"] == "TXT"}}
"""


class Aws:
    def __init__(self, moto):
        self.moto = moto
        self.made = moto.call(SETUP)
        moto.key = tuple(self.made["admin"])
        moto.check()

    def records(self):
        """TXT values by name, as the administrator sees them."""
        return self.moto.call(RECORDS.format(zone=self.made["zone"]))

    def drive(self, key, *steps, token=None, variables=None, **config):
        """What the provider says to each step, with that key id and secret."""
        name, secret = key
        if name:
            config |= {"accessKeyID": name, "secretAccessKeySecretRef": {"name": "aws", "key": "secret"}}
        job = {"provider": "route53", "config": config, "secrets": {"aws/secret": secret}, "token": token,
               "variables": {"AWS_ENDPOINT_URL": self.moto.url, "AWS_REGION": "eu-central-1", **(variables or {})},
               "steps": list(steps)}
        driver = pathlib.Path(binary()).parent / "tests/component/drive_dns01"
        done = subprocess.run([driver], input=json.dumps(job), text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def aws(folder):
    with Moto(folder) as moto:
        yield Aws(moto)


@pytest.fixture(autouse=True)
def rights_suffice():
    """No cluster has a part in this."""


def step(verb, host, text, **more):
    return {"do": verb, "name": f"_acme-challenge.{host}", "zone": "example.com", "text": text, **more}


def test_values_come_and_go_one_by_one(aws):
    """With the policy that the documentation asks for; in the public one of two zones of the name."""
    key, name = aws.made["dns"], "_acme-challenge.both.example.com."
    first, second = aws.drive(key, step("present", "both.example.com", "apex"),
                                  step("present", "both.example.com", "wildcard"))
    assert first.get("id") and second.get("id"), (first, second)
    assert aws.records()[name] == ['"apex"', '"wildcard"']
    settled, = aws.drive(key, step("settled", "both.example.com", "wildcard", id=second["id"]))
    assert settled == {"settled": True}
    assert aws.drive(key, step("clean_up", "both.example.com", "apex"),
                         step("clean_up", "both.example.com", "apex")) == [{}, {}]
    assert aws.records()[name] == ['"wildcard"']
    assert aws.drive(key, step("clean_up", "both.example.com", "wildcard")) == [{}]
    assert name not in aws.records()


@pytest.mark.parametrize("who, spoil, reason, text", [
    ("dns", lambda secret: secret[:-1] + ".", "Unauthorized", "not that of the access key"),
    ("dns", lambda secret: secret.upper(), "Unauthorized", "SignatureDoesNotMatch"),
    ("nobody", lambda secret: secret, "Unauthorized", "AccessDenied"),
], ids=["one letter", "capitals", "no policy"])
def test_who_may_not_is_refused(aws, who, spoil, reason, text):
    """The emulator looks at signatures: a wrong secret writes nothing."""
    key, secret = aws.made[who]
    said, = aws.drive((key, spoil(secret)), step("present", "refused.example.com", "value"))
    assert (said["kind"], said["reason"]) == ("denied", reason) and text in said["message"], said
    assert secret not in said["message"]
    assert "_acme-challenge.refused.example.com." not in aws.records()


def test_a_key_that_is_unknown_is_refused(aws):
    said, = aws.drive(("AKIAUNKNOWN", "secret"), step("present", "unknown.example.com", "value"))
    assert (said["kind"], said["reason"]) == ("denied", "Unauthorized"), said
    assert "InvalidClientTokenId" in said["message"]


def test_a_role_is_assumed(aws):
    """The session token that STS hands out is part of each signature; without the role the same key may do nothing."""
    key, name = aws.made["caller"], "_acme-challenge.role.example.com."
    said, = aws.drive(key, step("present", "role.example.com", "value"))
    assert said.get("reason") == "Unauthorized", said
    said = aws.drive(key, step("present", "role.example.com", "value"), step("present", "role.example.com", "two"),
                         role=aws.made["role"])
    assert [one.get("message") for one in said] == [None, None]
    assert aws.records()[name] == ['"two"', '"value"']


def test_keys_may_come_from_the_environment(aws):
    key, secret = aws.made["dns"]
    said, = aws.drive((None, ""), step("present", "ambient.example.com", "value"),
                          variables={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret})
    assert "message" not in said, said
    assert aws.records()["_acme-challenge.ambient.example.com."] == ['"value"']


def test_a_zone_that_is_not_there_is_named(aws):
    missing = {"do": "present", "name": "_acme-challenge.missing.test", "zone": "missing.test", "text": "value"}
    said = aws.drive(aws.made["dns"], missing, {**missing, "do": "clean_up"})
    assert said[0]["reason"] == "ZoneNotFound" and "missing.test" in said[0]["message"], said
    assert said[1] == {}
