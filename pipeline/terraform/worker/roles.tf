# The execution role starts the worker, the task role is the worker's own. What the worker does in Amazon ECS is in
# ../policy, or in the roles that actions name.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:${local.region}:${local.account}:*" }
      }
    }]
  })

  action_type_arn = join(":", [
    "arn:${local.partition}:codepipeline:${local.region}:${local.account}:actiontype",
    join("/", ["Custom", var.action_type.category, var.action_type.provider, var.action_type.version]),
  ])

  worker_statements = concat(
    [
      {
        Sid      = "JobQueue"
        Effect   = "Allow"
        Action   = ["codepipeline:PollForJobs"]
        Resource = [local.action_type_arn]
      },
      {
        # None of these can be scoped.
        Sid    = "Jobs"
        Effect = "Allow"
        Action = [
          "codepipeline:AcknowledgeJob", "codepipeline:GetJobDetails", "codepipeline:PutJobFailureResult",
          "codepipeline:PutJobSuccessResult",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "Claims"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = ["${local.claims_arn}/${local.claims_prefix}/*"]
      },
      {
        Sid       = "ClaimsBucket"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [local.claims_arn]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["${local.claims_prefix}/*"] } }
      },
    ],
    [
      for key in compact([var.kms_key_arn]) : {
        Sid      = "ClaimsKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [key]
      }
    ],
    [
      for roles in [var.deploy_role_arns] : {
        Sid      = "DeployRoles"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = roles
      } if length(roles) > 0
    ],
  )
}

module "policy" {
  source = "../policy"

  deployments = var.deployments
}

resource "aws_iam_role" "task" {
  name_prefix        = "${substr(var.name, 0, 32)}-"
  description        = "Evenkeel's workers"
  assume_role_policy = local.trust
  tags               = var.tags
}

resource "aws_iam_role_policy" "task" {
  name = "worker"
  role = aws_iam_role.task.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.worker_statements, module.policy.statements)
  })
}

resource "aws_iam_role" "execution" {
  name_prefix        = "${substr(var.name, 0, 28)}-run-"
  description        = "Starts Evenkeel's workers"
  assume_role_policy = local.trust
  tags               = var.tags
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }],
      flatten([
        for repository in compact([var.repository_arn]) : [
          {
            Sid      = "Image"
            Effect   = "Allow"
            Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
            Resource = [repository]
          },
          {
            # It cannot be scoped.
            Sid      = "Registry"
            Effect   = "Allow"
            Action   = ["ecr:GetAuthorizationToken"]
            Resource = ["*"]
          },
        ]
      ]),
    )
  })
}
