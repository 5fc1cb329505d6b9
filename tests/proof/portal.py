"""What others do to our applications in the portal, and what of it has to be left as they made it."""

from tests.proof.looks import mark_of, state_of


class Portal:
    """Somebody else at work in the tenant.

    Attributes:
        held: the state of each job that somebody stopped, by key; it is theirs to start it again.
        starved: the keys whose jobs had no credentials for a while, and may have got into quarantine by themselves.
    """

    def __init__(self, world):
        self._emulator = world.emulator
        self.held = {}
        self.starved = set()

    def delete(self, key):
        self._delete(key, purge=False)

    def purge(self, key):
        self._delete(key, purge=True)

    def _delete(self, key, *, purge):
        for application in self.applications(key):
            self._emulator.controls.delete(application["id"], purge=purge)
            self.held.pop(key, None)

    def rename(self, key):
        for application in self.applications(key):
            self._emulator.controls.edit(application["id"], {"displayName": f"Renamed {key}", "notes": None})

    def pause(self, key):
        for job in self.running(key):
            self._emulator.controls.act_on_job(job["id"], "pause")
            self.held[key] = "Paused"

    def quarantine(self, key):
        for job in self.running(key):
            self._emulator.controls.quarantine(job["id"])
            self.held[key] = "Quarantine"

    def release(self, key):
        for job in self.jobs(key):
            if self.held.pop(key, None):
                self._emulator.controls.act_on_job(job["id"], "restart")
                self._emulator.controls.act_on_job(job["id"], "start")

    def delete_job(self, key):
        for job in self.jobs(key):
            self._emulator.controls.act_on_job(job["id"], "delete")
            self.held.pop(key, None)

    def forget_credentials(self, key):
        for principal in self.principals(key):
            self._emulator.controls.edit_secrets(principal["id"], {"SecretToken": ""})
            self.starved.add(key)

    def change_scope(self, key):
        for principal in self.principals(key):
            self._emulator.controls.edit_secrets(principal["id"], {"SyncAll": "false"})

    def change_mappings(self, key):
        for job in self.jobs(key):
            self._emulator.controls.edit_mapping(job["id"], "title", "displayName")

    def applications(self, key):
        return [each for each in self._emulator.controls.state()["applications"] if mark_of(each) == key]

    def principals(self, key):
        ids = {each["appId"] for each in self.applications(key)}
        return [each for each in self._emulator.controls.state()["servicePrincipals"] if each["appId"] in ids]

    def jobs(self, key):
        jobs = self._emulator.controls.state()["jobs"]
        return [job for each in self.principals(key) for job in jobs.get(each["id"], ())]

    def running(self, key):
        return [job for job in self.jobs(key) if state_of(job) == "Active"]


ACTS = [
    Portal.delete,
    Portal.purge,
    Portal.rename,
    Portal.pause,
    Portal.quarantine,
    Portal.release,
    Portal.delete_job,
    Portal.forget_credentials,
    Portal.change_scope,
    Portal.change_mappings,
]
