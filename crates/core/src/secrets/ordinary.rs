//! Texts that everybody knows: to find one of them in a value, or a value in one of them, tells nothing.

/// Regions, levels, environments, ECS's own sentences, and how addresses, ARNs, paths and command lines begin.
/// In lower case.
///
/// The sentences are those of the Amazon ECS developer guide, "Service event messages" and "Stopped tasks error
/// messages"; the Regions are those of "AWS Regions" in the AWS Regions and Availability Zones guide.
pub(super) const ORDINARY: &str = "\
af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2
eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2
emergency critical warning notice information informational verbose disabled enabled
production development staging preprod testing acceptance integration sandbox
application container database password username postgres postgresql localhost
http://localhost: http://127.0.0.1: https://localhost http://www. https://www. https://api. host.docker.internal
postgres:// postgresql:// mysql:// mysql2:// mariadb:// mongodb:// mongodb+srv:// redis:// rediss:// amqp://
amqps:// kafka:// nats:// ldap:// ldaps:// smtp:// smtps:// s3:// file:// grpc:// unix:// tcp:// wss://
jdbc:postgresql:// jdbc:mysql:// jdbc:mariadb:// jdbc:sqlserver:// jdbc:oracle:thin:@
arn:aws:iam:: arn:aws:secretsmanager: arn:aws:ssm: arn:aws:sqs: arn:aws:sns: arn:aws:s3::: arn:aws:kms:
arn:aws:ecs: arn:aws:logs: arn:aws:dynamodb: arn:aws:elasticloadbalancing: arn:aws-cn: arn:aws-us-gov:
https://sqs. https://s3. https://sts. https://secretsmanager. .amazonaws.com .dkr.ecr. .rds.amazonaws.com
/bin/sh -c /bin/bash -c /usr/bin/env /usr/bin/ /usr/sbin/ /usr/local/bin/ /usr/share/ /usr/src/app /var/run/
/var/log/ /var/lib/ /etc/ssl/certs/ /opt/app/ /home/app/ /docker-entrypoint.sh docker-entrypoint /entrypoint.sh
cmd-shell curl -f http://localhost/ || exit 1 curl --fail wget --quiet --tries=1 --spider
java -jar /app.jar -xmx -xms -xx:maxrampercentage=75.0 -djava.security.egd=file:/dev/./urandom
node index.js node server.js npm run start npm start yarn start python -m gunicorn uvicorn bundle exec rails server
-----begin private key----- -----begin rsa private key----- -----begin ec private key-----
-----begin openssh private key----- -----begin encrypted private key----- -----begin public key-----
-----begin certificate----- -----end private key----- -----end rsa private key----- -----end ec private key-----
-----end openssh private key----- -----end encrypted private key----- -----end public key-----
-----end certificate----- bearer basic
essential container in task exited
task failed elb health checks in (target-group arn:aws:elasticloadbalancing:
task failed container health checks
scaling activity initiated by (deployment ecs-svc/
outofmemoryerror: container killed due to memory usage
cannotpullcontainererror: pull image manifest has been retried 1 time(s): failed to resolve ref not found
cannotpullcontainererror: error response from daemon: manifest unknown: requested image not found
cannotstartcontainererror: resourceinitializationerror: cannotcreatecontainererror: containerruntimeerror:
containerruntimetimeouterror: internalerror: taskfailedtostart essentialcontainerexited userinitiated
servicescheduler serviceschedulerinitiated spotinterruption terminationnotice infrastructurehealth
unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm:
service call has been retried 1 time(s): failed to fetch secret from secrets manager: resourcenotfoundexception:
secrets manager can't find the specified secret. accessdeniedexception: user: is not authorized to perform:
has started tasks: task has stopped running tasks: registered targets in (target-group deregistered targets
has begun draining connections on tasks. has reached a steady state. (deployment) deployment completed.
was unable to place a task because no container instance met all of its requirements. reason: the closest matching
container-instance has insufficient memory available. cpu units available. capacity is unavailable at this time.
is unhealthy in (target-group due to (reason health checks failed with these codes: request timed out
ecs deployment circuit breaker: tasks failed to start. rolling back to deployment ecs deployment in progress.
service deployment rolled back because the circuit breaker threshold was exceeded. alarm detected
clientexception: invalidparameterexception: serverexception: throttlingexception: registertaskdefinition
exec format error no such file or directory permission denied connection refused connection reset by peer
address already in use";
