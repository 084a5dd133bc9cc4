"""ministack with one of its answers put right, which everything that is told of a failed task hangs on.

In Amazon ECS a service's task is started by the deployment that it belongs to ("If the task is started by a service,
startedBy contains the deployment ID of the service that starts it": Amazon ECS API reference, Task). ministack puts the
service's name there, so that nobody could tell one deployment's tasks from another's.
"""

from ministack.app import main
from ministack.services import ecs

run_task = ecs._run_task


def started_by_its_deployment(request):
    deployment = request.get("_deploymentId")
    return run_task(request | {"startedBy": deployment} if deployment else request)


ecs._run_task = started_by_its_deployment
main()
